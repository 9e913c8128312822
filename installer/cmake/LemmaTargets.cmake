# Compiler settings and the few helpers that every folder uses.
# Loaded once by the root CMakeLists.txt.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(LEMMA_CUDA)
  enable_language(CUDA)  # for the GPUs that CMAKE_CUDA_ARCHITECTURES of the preset names
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc can
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(LEMMA_CCACHE ccache)
if(LEMMA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${LEMMA_CCACHE})
endif()

# Results must not depend on the compiler's taste for fused multiply-add; kernels that want it say so by intrinsics.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
if(LEMMA_SANITIZE)
  add_compile_options(-fsanitize=${LEMMA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LEMMA_SANITIZE})
endif()

if(LEMMA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage for libFuzzer in every library
endif()

find_package(Threads REQUIRED)
find_path(LEMMA_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)

# lemma_own_code(target): warnings for our own code; not for what moc and qmlcachegen write.
function(lemma_own_code target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees an overlap in "literal" + std::to_string(...) that cannot be (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(LEMMA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  # Sources that are joined (CMAKE_UNITY_BUILD of the presets release and asan: half the compiler's time) are included
  # by a file that CMake writes, and GCC takes what is included for headers, where an anonymous namespace is a mistake.
  if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# lemma_library(name LINK libs...): a static library of every .cpp below the current folder.
function(lemma_library name)
  cmake_parse_arguments(A "" "" "LINK;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern ${A_EXCLUDE})
    list(FILTER files EXCLUDE REGEX ${pattern})
  endforeach()
  if(NOT files)  # a folder that holds no source yet
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${files})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${name} PUBLIC ${A_LINK} Threads::Threads)
  lemma_own_code(${name})
endfunction()
