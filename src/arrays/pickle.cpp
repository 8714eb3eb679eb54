#include "pickle.h"

#include <bit>
#include <unordered_map>
#include <utility>

#include "diffuse/core/error.h"

namespace diffuse {

namespace {

constexpr const char* kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr const char* kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr const char* kOrderedDict = "collections.OrderedDict";

constexpr size_t kMaxName = 100;       // bytes
constexpr size_t kMaxDimensions = 64;  // the limit of LibTorch
constexpr uint64_t kMemoEntry = 48;    // bytes of memory

// Limit of the memory for the objects of a pickle of `size` bytes, in bytes. An opcode of one byte makes
// an object, names and shapes are copied to every use, and shared objects expand: without a limit a small
// file could fill the memory. Models and optimisers need at most 46 times the size of their pickle.
constexpr uint64_t memory_limit_of(uint64_t size) { return (uint64_t{16} << 20) + 48 * size; }

class PickleParser {
 public:
  explicit PickleParser(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) {}
  Pickle parse();
  std::string_view rest() const { return bytes_; }

 private:
  // Each executes the opcode, or returns false for opcodes of the others.
  bool push_scalar(unsigned char opcode);
  bool push_container(unsigned char opcode);
  bool edit_container(unsigned char opcode);
  bool use_memo(unsigned char opcode);
  bool call(unsigned char opcode);

  std::string_view take(uint64_t size);
  uint64_t take_uint(int size);
  int64_t take_long();
  double take_double();
  std::string_view take_line();

  void charge(uint64_t memory);
  void push(PickleNode node);
  void remember(uint64_t key);
  PickleRef pop();
  PickleRef top();
  PickleRef recall(uint64_t key) const;
  std::vector<PickleRef> pop_to_mark();
  template <class T>
  T& as(PickleRef ref, const char* what);
  std::vector<int64_t> integers(PickleRef tuple);

  void push_global(std::string_view module, std::string_view name);
  void push_global();
  void push_stacked_global();
  void push_tuple(int size);
  void reduce();
  void rebuild_tensor(const std::vector<PickleRef>& arguments);
  void push_storage();

  std::string_view bytes_;
  const uint64_t size_;
  uint64_t charged_ = 0;  // bytes of memory
  Pickle result_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;  // stack sizes
  std::unordered_map<uint64_t, PickleRef> memo_;
};

std::string_view PickleParser::take(uint64_t size) {
  if (size > bytes_.size()) throw PickleError("truncated pickle");
  const auto result = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return result;
}

// Little-endian.
uint64_t PickleParser::take_uint(int size) {
  const auto bytes = take(static_cast<uint64_t>(size));
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
  return value;
}

// LONG1: a byte count, then two's complement.
int64_t PickleParser::take_long() {
  const int size = static_cast<int>(take_uint(1));
  if (size > 8) throw PickleError("an integer of more than 64 bits");
  if (size == 0) return 0;
  const int unused = 64 - 8 * size;
  return static_cast<int64_t>(take_uint(size) << unused) >> unused;
}

// BINFLOAT: big-endian.
double PickleParser::take_double() {
  uint64_t bits = 0;
  for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
  return std::bit_cast<double>(bits);
}

void check_protocol(uint64_t protocol) {
  if (protocol > 5) throw PickleError("a pickle protocol above 5");
}

std::string_view PickleParser::take_line() {
  const auto line = bytes_.substr(0, bytes_.find('\n'));
  take(line.size() + 1);
  return line;
}

void PickleParser::charge(uint64_t memory) {
  charged_ += memory;
  if (charged_ > memory_limit_of(size_ - bytes_.size())) throw PickleError(kUnfoldsTooFar);
}

void PickleParser::push(PickleNode node) {
  charge(sizeof(PickleNode) + sizeof(PickleRef));
  stack_.push_back(static_cast<PickleRef>(result_.nodes.size()));
  result_.nodes.push_back(std::move(node));
}

PickleRef PickleParser::pop() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) throw PickleError("corrupt pickle: empty stack");
  const PickleRef ref = stack_.back();
  stack_.pop_back();
  return ref;
}

PickleRef PickleParser::top() {
  const PickleRef ref = pop();
  stack_.push_back(ref);
  return ref;
}

void PickleParser::remember(uint64_t key) {
  charge(kMemoEntry);
  memo_[key] = top();
}

PickleRef PickleParser::recall(uint64_t key) const {
  const auto found = memo_.find(key);
  if (found == memo_.end()) throw PickleError("corrupt pickle: unknown memo");
  return found->second;
}

std::vector<PickleRef> PickleParser::pop_to_mark() {
  if (marks_.empty()) throw PickleError("corrupt pickle: no mark");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleRef> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

template <class T>
T& PickleParser::as(PickleRef ref, const char* what) {
  T* value = std::get_if<T>(&result_.nodes[ref].data);
  if (value == nullptr) throw PickleError(concat("corrupt pickle: expected ", what));
  return *value;
}

std::vector<int64_t> PickleParser::integers(PickleRef tuple) {
  const auto& items = as<PickleNode::Tuple>(tuple, "a tuple").items;
  if (items.size() > kMaxDimensions) throw PickleError("corrupt pickle: too many dimensions");
  std::vector<int64_t> values;
  charge(items.size() * sizeof(int64_t));
  for (const PickleRef item : items) values.push_back(as<int64_t>(item, "an integer"));
  return values;
}

void PickleParser::push_global(std::string_view module, std::string_view name) {
  const std::string full = concat(module, ".", name);
  const bool storage = module == "torch" && name.ends_with("Storage") && name.size() <= kMaxName;
  if (!storage && full != kRebuildTensor && full != kRebuildParameter && full != kOrderedDict)
    throw PickleError(concat("refused to load ", printable(full),
                             ": expected only dicts, lists, text, numbers and tensors"));
  charge(full.size());
  push({PickleNode::Global{full}});
}

// GLOBAL: two lines.
void PickleParser::push_global() {
  const auto module = take_line();
  push_global(module, take_line());
}

void PickleParser::push_stacked_global() {
  const std::string name = as<std::string>(pop(), "a name");
  push_global(as<std::string>(pop(), "a module"), name);
}

void PickleParser::push_tuple(int size) {
  PickleNode::Tuple tuple;
  tuple.items.resize(static_cast<size_t>(size));
  for (size_t i = tuple.items.size(); i-- > 0;) tuple.items[i] = pop();
  push({std::move(tuple)});
}

// REDUCE: callable, argument tuple -> result.
void PickleParser::reduce() {
  const auto arguments = as<PickleNode::Tuple>(pop(), "arguments").items;
  const std::string name = as<PickleNode::Global>(pop(), "a callable").name;
  if (name == kRebuildTensor) {
    rebuild_tensor(arguments);
  } else if (name == kRebuildParameter && arguments.size() == 3) {
    as<PickleNode::Tensor>(arguments[0], "a tensor");
    stack_.push_back(arguments[0]);
  } else if (name == kOrderedDict && arguments.empty()) {
    push({PickleNode::Dict{}});
  } else {
    throw PickleError(concat("corrupt pickle: wrong arguments of ", printable(name)));
  }
}

// _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, backward_hooks)
void PickleParser::rebuild_tensor(const std::vector<PickleRef>& arguments) {
  if (arguments.size() != 6) throw PickleError("a tensor with unsupported attributes");
  as<PickleNode::Storage>(arguments[0], "a storage");
  push({PickleNode::Tensor{.storage = arguments[0],
                           .offset = as<int64_t>(arguments[1], "an integer"),
                           .sizes = integers(arguments[2]),
                           .strides = integers(arguments[3])}});
}

// BINPERSID: ("storage", type, key, location, numel) -> storage. Before PyTorch 1.6 there is a sixth
// element: None, or the view of a larger storage.
void PickleParser::push_storage() {
  auto id = as<PickleNode::Tuple>(pop(), "a persistent id").items;
  if (id.size() == 6 && std::holds_alternative<std::monostate>(result_.nodes[id[5]].data))
    id.pop_back();
  if (id.size() != 5 || as<std::string>(id[0], "text") != "storage")
    throw PickleError("corrupt pickle: unknown persistent id");
  if (as<std::string>(id[2], "a storage key").size() > kMaxName)
    throw PickleError("corrupt pickle: a storage key that is too long");
  PickleNode::Storage storage{.type = as<PickleNode::Global>(id[1], "a storage type").name,
                              .key = as<std::string>(id[2], "a storage key"),
                              .numel = as<int64_t>(id[4], "a storage size")};
  charge(storage.type.size() + storage.key.size());
  push({std::move(storage)});
}

// One opcode per line, as in the tables of Python's pickletools.
// clang-format off
bool PickleParser::push_scalar(unsigned char opcode) {
  switch (opcode) {
    case 'N': push({std::monostate{}}); return true;
    case 0x88: push({true}); return true;
    case 0x89: push({false}); return true;
    case 'J': push({int64_t{static_cast<int32_t>(take_uint(4))}}); return true;
    case 'K': push({static_cast<int64_t>(take_uint(1))}); return true;
    case 'M': push({static_cast<int64_t>(take_uint(2))}); return true;
    case 0x8a: push({take_long()}); return true;
    case 'G': push({take_double()}); return true;
    case 'X': push({std::string(take(take_uint(4)))}); return true;
    case 0x8c: push({std::string(take(take_uint(1)))}); return true;
    case 0x8d: push({std::string(take(take_uint(8)))}); return true;
    default: return false;
  }
}

bool PickleParser::push_container(unsigned char opcode) {
  switch (opcode) {
    case '(': marks_.push_back(stack_.size()); return true;
    case '}': push({PickleNode::Dict{}}); return true;
    case ']': push({PickleNode::List{}}); return true;
    case ')': push_tuple(0); return true;
    case 0x85: push_tuple(1); return true;
    case 0x86: push_tuple(2); return true;
    case 0x87: push_tuple(3); return true;
    case 't': push({PickleNode::Tuple{pop_to_mark()}}); return true;
    default: return false;
  }
}

bool PickleParser::use_memo(unsigned char opcode) {
  switch (opcode) {
    case 'q': remember(take_uint(1)); return true;
    case 'r': remember(take_uint(4)); return true;
    case 0x94: remember(memo_.size()); return true;
    case 'h': stack_.push_back(recall(take_uint(1))); return true;
    case 'j': stack_.push_back(recall(take_uint(4))); return true;
    default: return false;
  }
}

bool PickleParser::call(unsigned char opcode) {
  switch (opcode) {
    case 'c': push_global(); return true;
    case 0x93: push_stacked_global(); return true;
    case 'R': reduce(); return true;
    case 'Q': push_storage(); return true;
    // BUILD: attributes of an OrderedDict, as state_dict()'s _metadata; ignored.
    case 'b': pop(); as<PickleNode::Dict>(top(), "a dict"); return true;
    case 0x80: check_protocol(take_uint(1)); return true;
    case 0x95: take(8); return true;  // FRAME: a size, not needed
    default: return false;
  }
}
// clang-format on

// APPEND, SETITEM, APPENDS and SETITEMS.
bool PickleParser::edit_container(unsigned char opcode) {
  std::vector<PickleRef> items;
  if (opcode == 'a' || opcode == 's') {
    items = {pop()};
    if (opcode == 's') items.insert(items.begin(), pop());
  } else if (opcode == 'e' || opcode == 'u') {
    items = pop_to_mark();
  } else {
    return false;
  }
  const bool list = opcode == 'a' || opcode == 'e';
  if (!list && items.size() % 2 != 0) throw PickleError("corrupt pickle: a key without a value");
  auto& target = list ? as<PickleNode::List>(top(), "a list").items
                      : as<PickleNode::Dict>(top(), "a dict").items;
  target.insert(target.end(), items.begin(), items.end());
  return true;
}

Pickle PickleParser::parse() {
  for (;;) {
    const auto opcode = static_cast<unsigned char>(take(1)[0]);
    if (opcode == '.') break;
    if (!push_scalar(opcode) && !push_container(opcode) && !edit_container(opcode) &&
        !use_memo(opcode) && !call(opcode))
      throw PickleError(concat("pickle opcode ", int{opcode}, " is not supported"));
  }
  result_.root = pop();
  result_.budget = memory_limit_of(size_ - bytes_.size()) - charged_;
  return std::move(result_);
}

}  // namespace

Pickle parse_pickle(std::string_view bytes) { return take_pickle(bytes); }

Pickle take_pickle(std::string_view& bytes) {
  PickleParser parser(bytes);
  Pickle pickle = parser.parse();
  bytes = parser.rest();
  return pickle;
}

}  // namespace diffuse
