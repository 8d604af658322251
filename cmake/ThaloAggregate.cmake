# thalo_aggregate(NAME DIR): builds the C++ aggregate in DIR (relative to the project's root) into modules/NAME.wasm of the build folder, as target
# aggregate_NAME and as part of `all`. A test that uses the file: add_dependencies(my_test aggregate_NAME).
function(thalo_aggregate name folder)
  set(output ${CMAKE_BINARY_DIR}/modules/${name}.wasm)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc ${CMAKE_SOURCE_DIR}/${folder}/*.h)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  add_custom_command(OUTPUT ${output}
    COMMAND thalo_build_tool ${CMAKE_SOURCE_DIR}/${folder} ${CMAKE_BINARY_DIR}/modules ${name}
    DEPENDS thalo_build_tool ${sources}
    COMMENT "Building the aggregate ${name}" VERBATIM)
  add_custom_target(aggregate_${name} ALL DEPENDS ${output})
endfunction()
