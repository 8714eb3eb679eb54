# `cmake --install`: a tree that can be moved, and a package other CMake projects find.
include(CMakePackageConfigHelpers)

# LibTorch stays where it is, unless it is bundled; everything else is found from $ORIGIN.
if(NOT DIFFUSE_BUNDLE_LIBTORCH)
  set(libtorch_rpath "${LibTorch_LIBRARY_DIR}")
endif()
set_target_properties(diffuse_lib PROPERTIES INSTALL_RPATH "$ORIGIN;${libtorch_rpath}")
install(TARGETS diffuse_lib EXPORT diffuseTargets)
foreach(plugin diffuse_cuda diffuse_nccl)
  if(TARGET ${plugin})
    install(TARGETS ${plugin} DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
if(TARGET diffuse)
  set_target_properties(
    diffuse PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${libtorch_rpath}")
  install(TARGETS diffuse)
endif()

install(DIRECTORY include/diffuse "${PROJECT_BINARY_DIR}/generated/diffuse"
        TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/diffuse)
install(FILES LICENSE TYPE DOC)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/diffuse)
install(EXPORT diffuseTargets NAMESPACE diffuse:: DESTINATION ${package_dir})
configure_package_config_file(
  cmake/diffuseConfig.cmake.in "${PROJECT_BINARY_DIR}/diffuseConfig.cmake"
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/diffuseConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/diffuseConfig.cmake"
              "${PROJECT_BINARY_DIR}/diffuseConfigVersion.cmake" cmake/FindLibTorch.cmake
        DESTINATION ${package_dir})

# For machines without LibTorch: libtorch_cpu and all it needs that the system does not have. The
# CUDA libraries (some 4 GB) are not copied: a bundled program runs on the CPU.
if(DIFFUSE_BUNDLE_LIBTORCH)
  install(CODE "
    file(GET_RUNTIME_DEPENDENCIES
         LIBRARIES \"${LibTorch_LIBRARY_DIR}/libtorch_cpu.so\"
         RESOLVED_DEPENDENCIES_VAR needed
         POST_EXCLUDE_REGEXES \"^/lib\" \"^/usr/lib\")
    file(INSTALL \"${LibTorch_LIBRARY_DIR}/libtorch_cpu.so\" \${needed}
         DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\" FOLLOW_SYMLINK_CHAIN)")
endif()
