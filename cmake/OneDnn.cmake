# libdiffuse_onednn.so, loaded by libdiffuse on processors where oneDNN multiplies faster than LibTorch: optional.
# Compiled apart, as LibTorch's include path has the headers of another version.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(ONEDNN_LIBRARY dnnl)
mark_as_advanced(ONEDNN_INCLUDE_DIR ONEDNN_LIBRARY)
if(DIFFUSE_SANITIZE)  # refuses libraries that find their own functions first
  message(STATUS "Without oneDNN: sanitizers refuse how it is loaded")
elseif(ONEDNN_INCLUDE_DIR AND ONEDNN_LIBRARY)
  add_library(diffuse_onednn MODULE src/model/ops/cpu/onednn_plugin.cpp)
  target_include_directories(diffuse_onednn SYSTEM PRIVATE "${ONEDNN_INCLUDE_DIR}")
  target_link_libraries(diffuse_onednn PRIVATE "${ONEDNN_LIBRARY}" diffuse_compiler)
else()
  message(STATUS "Without oneDNN: its library was not found")
endif()
