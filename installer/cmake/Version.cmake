# Writes generated/lemma/version.h: the project's version, and the commit where git and a checkout are there.
# Configuring again after each commit keeps it true; the header changes, and is recompiled, only when its text does.
set(LEMMA_COMMIT "")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${CMAKE_SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -c safe.directory=* describe --always --tags --abbrev=10
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE LEMMA_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} -c safe.directory=* rev-parse --git-path logs/HEAD
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  cmake_path(ABSOLUTE_PATH log BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(EXISTS ${log})
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${log})
  endif()
endif()
if(LEMMA_COMMIT)
  set(LEMMA_VERSION_TEXT "${PROJECT_VERSION} (${LEMMA_COMMIT})")
else()
  set(LEMMA_VERSION_TEXT "${PROJECT_VERSION}")
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/lemma/version.h @ONLY CONTENT
"// Written by CMake: what --version prints.
#pragma once

#include <string_view>

namespace lemma {

inline constexpr std::string_view kVersion = \"@PROJECT_VERSION@\";
inline constexpr std::string_view kVersionText = \"@LEMMA_VERSION_TEXT@\";  // with the commit, where it is known

}  // namespace lemma
")
