# The native tests of the SDKs whose languages have test runners of their own. thalo_language_test(NAME TOOL command…): runs where TOOL is there and
# is shown as skipped elsewhere.
function(thalo_language_test name tool)
  add_test(NAME sdk.${name} COMMAND sh -c "command -v ${tool} >/dev/null || { echo '${tool} is not installed'; exit 77; }; exec \"$@\"" sh ${ARGN})
  set_tests_properties(sdk.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

thalo_language_test(javascript node node --test ${CMAKE_SOURCE_DIR}/sdk/javascript/test)

file(WRITE ${CMAKE_BINARY_DIR}/go.work "go 1.24\n\nuse (\n")
foreach(module sdk/go examples/go/counter examples/go/bank_account examples/go/todos)
  file(APPEND ${CMAKE_BINARY_DIR}/go.work "\t\"${CMAKE_SOURCE_DIR}/${module}\"\n")
endforeach()
file(APPEND ${CMAKE_BINARY_DIR}/go.work ")\n")
thalo_language_test(go go ${CMAKE_COMMAND} -E env GOWORK=${CMAKE_BINARY_DIR}/go.work
  go test thalo thalo/thalotest counter bankaccount todos)

thalo_language_test(python ${CMAKE_SOURCE_DIR}/.venv/bin/python
  ${CMAKE_COMMAND} -E env PYTHONPATH=${CMAKE_SOURCE_DIR}/sdk/python PYTHONDONTWRITEBYTECODE=1
  ${CMAKE_SOURCE_DIR}/.venv/bin/python -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/sdk/python/tests ${CMAKE_SOURCE_DIR}/examples/python)
