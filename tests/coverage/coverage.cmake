# Read by CMake behind project() when coverage.py configures: the sources of LEMMA_COVERAGE_SOURCES are built with gcc's
# --coverage and without optimisation, all else as ever.
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
        PROPERTIES COMPILE_OPTIONS "-O0;--coverage")
    endif()
  endforeach()
endfunction()

link_libraries(--coverage)
cmake_language(DEFER CALL lemma_cover_sources)
