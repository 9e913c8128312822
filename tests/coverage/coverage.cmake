# Read by CMake behind project() when coverage.py configures: the sources of LEMMA_COVERAGE_SOURCES are built one by one
# with gcc's --coverage and without optimisation, all else joined and as fast to build as runs in bearable time.
function(lemma_cover_sources)
  foreach(source ${LEMMA_COVERAGE_SOURCES})
    set(target lemma_engine)
    if(source MATCHES "^storage/")
      set(target lemma_storage)
    elseif(source MATCHES "^ui/markdown/")
      set(target lemma_markdown)
    endif()
    if(TARGET ${target})
      set_source_files_properties(${CMAKE_SOURCE_DIR}/${source} TARGET_DIRECTORY ${target}
        PROPERTIES COMPILE_OPTIONS "-O0;--coverage" SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
  # Kernels ask for -O3 themselves, which is most of the compiler's time, and no parser's.
  file(GLOB kernels ${CMAKE_SOURCE_DIR}/kernels/cpu/kernels_*.cpp)
  foreach(source ${kernels})
    get_source_file_property(options ${source} TARGET_DIRECTORY lemma_kernels COMPILE_OPTIONS)
    list(TRANSFORM options REPLACE "^-O3$" "-O1")
    set_source_files_properties(${source} TARGET_DIRECTORY lemma_kernels PROPERTIES COMPILE_OPTIONS "${options}")
  endforeach()
endfunction()

link_libraries(--coverage)
cmake_language(DEFER CALL lemma_cover_sources)
