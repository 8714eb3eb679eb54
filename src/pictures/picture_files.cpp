#include "src/pictures/picture_files.h"

#include <algorithm>
#include <utility>

#include "diffuse/core/error.h"
#include "image_formats.h"
#include "src/files/file.h"

namespace diffuse {
namespace {

enum class FileKind { kPicture, kUnread, kUnknown, kLabels, kOther };

// Names of downloads and their copies: 1.jpg_large, 1.jpg?w=64, 1.jpg.2, 0.25.
bool may_be_picture(std::string_view ending) {
  constexpr std::string_view kDigits = "0123456789", kRest = "0123456789_-?!&=:@~ ";
  const size_t word = std::min(ending.find_first_of(kRest), ending.size());
  return (word < ending.size() && format_of_ending(ending.substr(0, word)) != nullptr) ||
         ending.find_first_not_of(kDigits) == std::string_view::npos;
}

FileKind kind_by_name(const std::filesystem::path& name) {
  if (name.filename() == "dataset.json") return FileKind::kLabels;
  const std::string ending = ending_of(name);
  if (ending.empty()) return FileKind::kUnknown;
  const ImageFormat* const format = format_of_ending(ending.substr(1));
  if (format == nullptr)
    return may_be_picture(ending.substr(1)) ? FileKind::kUnknown : FileKind::kOther;
  return format->decode != nullptr ? FileKind::kPicture : FileKind::kUnread;
}

void add_unread(PictureFiles& found, const ImageFormat& format, const std::string& name) {
  found.left_out.add(concat(format.name, " pictures, not supported; ", what_to_do(format)), name);
}

// Classifies a file by content.
void add_unknown(PictureFiles& found, size_t i) {
  const std::string& name = found.files->names()[i];
  try {
    const ImageFormat* const format = format_of_content(found.files->head(i));
    if (format == nullptr)
      found.others.add("files that are not pictures", name);
    else if (format->decode == nullptr)
      add_unread(found, *format, name);
    else
      found.pictures.push_back(i);
  } catch (const Error&) {
    found.left_out.add("files that cannot be read", name);
  }
}

}  // namespace

PictureFiles find_pictures(const std::filesystem::path& path) {
  PictureFiles found;
  const auto wanted = [&](std::string_view name) {
    const FileKind kind = kind_by_name(name);
    if (kind == FileKind::kUnread)
      add_unread(found, *format_of_ending(ending_of(name).substr(1)), std::string(name));
    if (kind == FileKind::kOther)
      found.others.add("files that are not pictures", std::string(name));
    return kind != FileKind::kUnread && kind != FileKind::kOther;
  };
  found.files = open_file_set(path, wanted);
  found.left_out.add(found.files->left_out());
  for (size_t i = 0; i < found.files->names().size(); ++i) {
    const FileKind kind = kind_by_name(found.files->names()[i]);
    if (kind == FileKind::kUnknown) add_unknown(found, i);
    if (kind == FileKind::kPicture) found.pictures.push_back(i);
    if (kind == FileKind::kLabels) found.labels.push_back(i);
  }
  if (!found.pictures.empty()) return found;
  found.left_out.add(found.others);
  const std::vector<std::string> left_out = found.left_out.lines();
  throw Error(path.string(), ": contains no supported picture (", readable_formats(), ")",
              left_out.empty() ? "" : "; left out are " + join(left_out, "; "));
}

}  // namespace diffuse
