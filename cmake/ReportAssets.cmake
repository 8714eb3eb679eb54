# The style and the script of `diffuse report`'s pages, as a header.
set(report_style_file "${PROJECT_SOURCE_DIR}/src/report/report.css")
set(report_script_file "${PROJECT_SOURCE_DIR}/src/report/report.js")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             "${report_style_file}" "${report_script_file}")
file(READ "${report_style_file}" report_style)
file(READ "${report_script_file}" report_script)
configure_file(src/report/report_assets.h.in generated/report_assets.h @ONLY)
