# Finds LibTorch, from a libtorch archive or a Python wheel, CPU-only or CUDA.
#
# The wheel's own TorchConfig.cmake demands a CUDA toolkit and nvcc for a program that needs neither
# (all that is CUDA is loaded at run time, when a driver is there), hence this file.
#
# Searched, first match wins:
#   1. -DLibTorch_ROOT, the environment's LibTorch_ROOT or TORCH_DIR, each entry of CMAKE_PREFIX_PATH
#   2. LibTorch_HOME: what this build folder found last time
#   3. the torch package of the active `python3`
#   4. .deps/libtorch, the private copy that scripts/setup.sh makes
# A place is LibTorch's folder itself (it holds include/ and lib/), its share/cmake or share/cmake/Torch,
# or a virtual environment with torch in it.
#
# Defines LibTorch::c10 and LibTorch::LibTorch (libtorch_cpu with its headers), LibTorch_VERSION,
# LibTorch_INCLUDE_DIRS and LibTorch_LIBRARY_DIR.

# The folder with LibTorch's include/ and lib/ behind `place`, or "".
function(_libtorch_home place result)
  file(GLOB venv "${place}/lib/python3*/site-packages/torch")
  foreach(home "${place}" "${place}/../.." "${place}/../../.." ${venv})
    if(EXISTS "${home}/lib/libtorch_cpu.so" AND EXISTS "${home}/include/ATen/core/Tensor.h")
      get_filename_component(home "${home}" REALPATH)
      set(${result} "${home}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

# "2.11.0" of the LibTorch in `home`, or "" where its version header is not understood.
function(_libtorch_version home result)
  set(version "")
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(NOT version AND EXISTS "${home}/include/${header}")
      file(STRINGS "${home}/include/${header}" lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
      string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
      list(JOIN numbers "." version)
    endif()
  endforeach()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# What the user names is taken as it is, and judged below; a folder named and empty is an error.
set(_libtorch_found "")
foreach(_place "${LibTorch_ROOT}" "$ENV{LibTorch_ROOT}" "$ENV{TORCH_DIR}")
  if(_place AND NOT _libtorch_found)
    _libtorch_home("${_place}" _libtorch_found)
    if(NOT _libtorch_found)
      message(FATAL_ERROR "No LibTorch in ${_place} (LibTorch_ROOT or TORCH_DIR): "
                          "it has no lib/libtorch_cpu.so and include/ATen")
    endif()
  endif()
endforeach()
string(REPLACE ":" ";" _places "$ENV{CMAKE_PREFIX_PATH}")
foreach(_place ${CMAKE_PREFIX_PATH} ${_places} "${LibTorch_HOME}")
  if(_place AND NOT _libtorch_found)
    _libtorch_home("${_place}" _libtorch_found)
  endif()
endforeach()

# What merely lies around is passed over when it is too old.
if(NOT _libtorch_found)
  execute_process(
    COMMAND python3 -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _place OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  foreach(_place "${_place}" "${CMAKE_CURRENT_LIST_DIR}/../.deps/libtorch")
    if(_place AND NOT _libtorch_found)
      _libtorch_home("${_place}" _home)
      _libtorch_version("${_home}" _version)
      if(_home AND _version VERSION_LESS LibTorch_FIND_VERSION)
        message(STATUS "Passing over LibTorch ${_version} in ${_home}: too old")
      else()
        set(_libtorch_found "${_home}")
      endif()
    endif()
  endforeach()
endif()

unset(LibTorch_HOME)  # a plain variable would hide the cached one
set(LibTorch_HOME "${_libtorch_found}" CACHE PATH "LibTorch's folder, as found" FORCE)
mark_as_advanced(LibTorch_HOME)
if(LibTorch_HOME)
  _libtorch_version("${LibTorch_HOME}" LibTorch_VERSION)
  set(LibTorch_INCLUDE_DIRS
      "${LibTorch_HOME}/include" "${LibTorch_HOME}/include/torch/csrc/api/include")
  set(LibTorch_LIBRARY_DIR "${LibTorch_HOME}/lib")

  # std::string's layout is chosen when LibTorch is built; Debian's libraries have the new one.
  set(_config "${LibTorch_HOME}/share/cmake/Torch/TorchConfig.cmake")
  if(EXISTS "${_config}")
    file(STRINGS "${_config}" _old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(_old_abi)
      set(LibTorch_NOT_FOUND_MESSAGE
          "${LibTorch_HOME} was built with the old C++ ABI: take the cxx11-abi archive or a wheel from 2.6 on")
      unset(LibTorch_LIBRARY_DIR)
    endif()
  endif()
else()
  set(LibTorch_NOT_FOUND_MESSAGE
      "Run scripts/setup.sh, or name your own with -DLibTorch_ROOT=DIR or TORCH_DIR=DIR")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch
  REQUIRED_VARS LibTorch_HOME LibTorch_LIBRARY_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "${LibTorch_NOT_FOUND_MESSAGE}")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES
    IMPORTED_LOCATION "${LibTorch_LIBRARY_DIR}/libc10.so"
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIRS}")
  add_library(LibTorch::LibTorch SHARED IMPORTED)
  # libtorch_cpu of a CUDA wheel needs libcudart and libcupti, which its own rpath finds at run time
  # and the linker need not see.
  set_target_properties(LibTorch::LibTorch PROPERTIES
    IMPORTED_LOCATION "${LibTorch_LIBRARY_DIR}/libtorch_cpu.so"
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIRS}"
    INTERFACE_LINK_LIBRARIES LibTorch::c10
    INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
endif()
