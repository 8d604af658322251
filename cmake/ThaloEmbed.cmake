# thalo_embed(OUTPUT file.cc FILES path=file ...): C++ source with the files' contents as a table (src/build/embedded.h), rewritten when one changes.
#
# As a script (cmake -DOUTPUT=… -DFILES=a=b|c=d -P): writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  set(source "// Written by cmake/ThaloEmbed.cmake.\n#include \"build/embedded.h\"\n\n#include <cstdlib>\n#include <string_view>\n\nnamespace thalo::build {\nnamespace {\nusing namespace std::string_view_literals;\nconstexpr EmbeddedFile files[] = {\n")
  string(REPLACE "|" ";" FILES "${FILES}")
  foreach(pair IN LISTS FILES)
    string(REGEX MATCH "^([^=]*)=(.*)$" matched "${pair}")
    file(READ "${CMAKE_MATCH_2}" content)
    # With the suffix the compiler need not count the characters, of which clang would have too many.
    string(APPEND source "{\"${CMAKE_MATCH_1}\", R\"thalo_file(${content})thalo_file\"sv},\n")
  endforeach()
  string(APPEND source "};\n}  // namespace\n\n"
    "std::span<const EmbeddedFile> embedded_files() { return files; }\n\n"
    "std::string_view embedded_file(std::string_view path) {\n"
    "  for (const auto& file : files) {\n    if (file.path == path) return file.content;\n  }\n  std::abort();\n}\n"
    "}  // namespace thalo::build\n")
  file(WRITE "${OUTPUT}" "${source}")
  return()
endif()

function(thalo_embed)
  cmake_parse_arguments(ARG "" "OUTPUT" "FILES" ${ARGN})
  list(TRANSFORM ARG_FILES REPLACE "^[^=]*=" "" OUTPUT_VARIABLE inputs)
  string(JOIN "|" files ${ARG_FILES})
  add_custom_command(OUTPUT ${ARG_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${ARG_OUTPUT} "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/ThaloEmbed.cmake
    DEPENDS ${inputs} ${CMAKE_SOURCE_DIR}/cmake/ThaloEmbed.cmake VERBATIM)
endfunction()
