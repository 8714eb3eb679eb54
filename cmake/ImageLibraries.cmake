# What reads WebP, TIFF and GIF, writes animated WebP and draws charts as PNG: libraries that may be missing.
# `data inspect` and `train` then name such pictures as left out, and charts are SVG only.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(WebP QUIET IMPORTED_TARGET libwebp libwebpdemux libwebpmux)
  pkg_check_modules(Rsvg QUIET IMPORTED_TARGET librsvg-2.0>=2.52)
endif()
find_package(TIFF 4.5 QUIET)  # from which memory can be limited
find_package(GIF 5.1 QUIET)
set(DIFFUSE_WEBP ${WebP_FOUND})
set(DIFFUSE_TIFF ${TIFF_FOUND})
set(DIFFUSE_GIF ${GIF_FOUND})
set(DIFFUSE_RSVG ${Rsvg_FOUND})

set(image_libraries "")
set(image_sources_left_out none)  # a regular expression
function(image_format name target source)
  if(DIFFUSE_${name})
    list(APPEND image_libraries ${target})
  else()
    message(STATUS "Without ${name}: its library was not found")
    string(APPEND image_sources_left_out "|${source}")
  endif()
  set(image_libraries "${image_libraries}" PARENT_SCOPE)
  set(image_sources_left_out "${image_sources_left_out}" PARENT_SCOPE)
endfunction()
image_format(WEBP PkgConfig::WebP "webp|webp_animation")
image_format(TIFF TIFF::TIFF tiff)
image_format(GIF GIF::GIF gif_reader)
image_format(RSVG "$<LINK_ONLY:PkgConfig::Rsvg>" chart_png)
# Its many include folders are for one file: all others' commands stay as they are without it.
set_source_files_properties("${PROJECT_SOURCE_DIR}/src/pictures/chart_png.cpp" PROPERTIES
  INCLUDE_DIRECTORIES "${Rsvg_INCLUDE_DIRS}")
configure_file(cmake/image_libraries.h.in generated/image_libraries.h)
