# `cmake --install build/release --prefix /usr/local`: the two programs, their manual pages and completions, and the C++ SDK and the client
# library as the CMake package `thalo` (find_package(thalo COMPONENTS client)).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS thalo thalo-runtime RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_BINARY_DIR}/man/thalo.1 ${CMAKE_BINARY_DIR}/man/thalo-runtime.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/cpp/include/thalo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(completions
  "bash|share/bash-completion/completions|thalo"
  "zsh|share/zsh/site-functions|_thalo"
  "fish|share/fish/vendor_completions.d|thalo.fish")
foreach(completion ${completions})
  string(REPLACE "|" ";" parts ${completion})
  list(GET parts 0 shell)
  list(GET parts 1 folder)
  list(GET parts 2 file)
  set(script ${CMAKE_BINARY_DIR}/completion/${shell}/${file})
  add_custom_command(OUTPUT ${script}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion/${shell}
    COMMAND thalo completion ${shell} > ${script}
    DEPENDS thalo)
  list(APPEND scripts ${script})
  install(FILES ${script} DESTINATION ${folder})
endforeach()
add_custom_target(thalo_completions ALL DEPENDS ${scripts})

# The reference says what the programs, the protos and the WIT say.
set(reference ${CMAKE_BINARY_DIR}/reference)
file(GLOB reference_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/thalo/v1/*.proto ${CMAKE_SOURCE_DIR}/wit/*.wit)
add_custom_command(OUTPUT ${reference}/api.md ${reference}/command-line.md ${reference}/guest-contract.md ${reference}/settings.md
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/reference ${CMAKE_BINARY_DIR}/bin ${reference}
  DEPENDS thalo thalo-runtime ${CMAKE_SOURCE_DIR}/scripts/reference ${CMAKE_SOURCE_DIR}/proto/thalo.proto ${reference_sources} VERBATIM)
add_custom_target(thalo_reference ALL DEPENDS ${reference}/api.md)
install(DIRECTORY ${reference} DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The documents in the folders they have here, for their links to each other.
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/ARCHITECTURE.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk ${CMAKE_SOURCE_DIR}/proto ${CMAKE_SOURCE_DIR}/wit DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN *.md PATTERN *.proto PATTERN *.wit PATTERN node_modules EXCLUDE PATTERN target EXCLUDE)
install(FILES ${CMAKE_SOURCE_DIR}/tests/guests/conformance/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/tests/guests/conformance)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
  PATTERN CMakeLists.txt EXCLUDE PATTERN node_modules EXCLUDE PATTERN target EXCLUDE PATTERN __pycache__ EXCLUDE)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/thalo)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/package/thalo-config.cmake.in ${CMAKE_BINARY_DIR}/package/thalo-config.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/thalo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/thalo-config.cmake ${CMAKE_BINARY_DIR}/package/thalo-config-version.cmake
  DESTINATION ${package_folder})

# The client library, with what its headers need. Its folders keep their names below a folder of their own.
set(client_headers ${CMAKE_INSTALL_INCLUDEDIR}/thalo-client)
foreach(name client model base proto proto_client)
  set_target_properties(thalo_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS thalo_${name} EXPORT thalo-client ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${client_headers})
endforeach()
foreach(header client/client client/projection client/projections client/types model/command model/event model/stream_name base/result base/shared_text)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${CMAKE_SOURCE_DIR}/src/${header}.h DESTINATION ${client_headers}/${folder})
endforeach()
install(EXPORT thalo-client FILE thalo-client.cmake NAMESPACE thalo:: DESTINATION ${package_folder})
