# `cmake --install`: a tree that can be moved, and a package other CMake projects find.
