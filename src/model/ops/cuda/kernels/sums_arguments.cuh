// Many sums in one launch. The launching code reads this part too.
#pragma once

constexpr int kSums = 80;  // whose arguments fit into 4 KB

// to += from: to float [rows, columns] with rows `stride` apart, from Element without gaps.
struct TensorSum {
  float* to;
  const void* from;
  long long count;  // rows x columns
  int columns, stride;
  int packed;  // four at a time: columns, stride and both places are multiples of that
  int first_block;
};
constexpr long long kNumbersOfSum = 4096;  // of a block

// The sums of the columns of Element [rows, columns]; that of column c goes to place c - width p of to[p],
// p = c / width, or nowhere if that is null.
struct ColumnSum {
  const void* from;
  float* to[3];
  int rows, columns, width;
  int first_block;
};
constexpr int kColumnsOfSum = 32;  // of a block

template <class Sum>
struct Sums {
  Sum of[kSums];
  int count;
  int added;  // column sums: to what is there
};
