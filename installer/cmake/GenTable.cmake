# lemma_generated_table(target folder type prefix function header)
# One file in `folder` defines one constant `prefix<file name>` of `type`; this writes
#   std::span<type* const> function()
# over all of them. Self-registering objects would be dropped from a static library, a generated table is not.
function(lemma_generated_table target folder type prefix function header)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  set(decls "")
  set(rows "")
  foreach(f ${files})
    cmake_path(GET f STEM name)
    string(APPEND decls "extern ${type} ${prefix}${name};\n")
    string(APPEND rows "    &${prefix}${name},\n")
  endforeach()
  if(rows)
    set(table "static ${type}* const kTable[] = {\n${rows}};")
    set(result kTable)
  else()
    set(table "")
    set(result "{}")
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${function}.gen.cpp)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT
"// Written by CMake from the files in @folder@.
#include <span>
#include \"@header@\"
namespace lemma {
@decls@
@table@
std::span<${type}* const> @function@() { return @result@; }
}  // namespace lemma
")
  target_sources(${target} PRIVATE ${out})
  # Files of one table define the same names each, so they and the tables are compiled on their own.
  set_source_files_properties(${files} ${out} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
