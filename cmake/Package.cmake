# The manual page and the shells' completions, made by the program itself, and `cpack -G DEB`.
if(TARGET diffuse)
  set(shell_files "")
  function(shell_file name destination)
    set(file "${PROJECT_BINARY_DIR}/share/${name}")
    add_custom_command(
      OUTPUT "${file}"
      COMMAND diffuse ${ARGN} > "${file}"
      DEPENDS diffuse
      VERBATIM)
    set(shell_files ${shell_files} "${file}" PARENT_SCOPE)
    install(FILES "${file}" DESTINATION ${CMAKE_INSTALL_DATADIR}/${destination})
  endfunction()
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/share/completions")
  shell_file(diffuse.1 man/man1 man)
  shell_file(completions/diffuse bash-completion/completions completions bash)
  shell_file(completions/_diffuse zsh/vendor-completions completions zsh)
  shell_file(completions/diffuse.fish fish/vendor_completions.d completions fish)
  add_custom_target(shell_files ALL DEPENDS ${shell_files})
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "diffuse developers <diffuse@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Train and sample denoising diffusion models")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# LibTorch is in no Debian package of ours: it stays where it was, or is bundled.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${LibTorch_LIBRARY_DIR}")
include(CPack)
