# Every library from outside, found once here. Versions and reasons: docs/dependencies.md.

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
# Relays: a kind is built in where its library is there.
pkg_check_modules(HIREDIS IMPORTED_TARGET hiredis)
pkg_check_modules(LIBNATS IMPORTED_TARGET libnats)
pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka)
pkg_check_modules(LIBCURL IMPORTED_TARGET libcurl>=7.85)

# Asio is header-only and ships no CMake package.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(thalo_asio INTERFACE)
target_include_directories(thalo_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(thalo_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(thalo_asio INTERFACE Threads::Threads)
find_package(SQLite3 REQUIRED)

# RocksDB: one static library, built once from pinned sources and kept outside the build folder.
file(GLOB THALO_ROCKSDB_SOURCES ${CMAKE_SOURCE_DIR}/third_party/rocksdb/*)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${THALO_ROCKSDB_SOURCES})
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/build-rocksdb
  OUTPUT_VARIABLE THALO_ROCKSDB_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
add_library(thalo_rocksdb STATIC IMPORTED)
set_target_properties(thalo_rocksdb PROPERTIES
  IMPORTED_LOCATION ${THALO_ROCKSDB_DIR}/lib/librocksdb.a
  INTERFACE_INCLUDE_DIRECTORIES ${THALO_ROCKSDB_DIR}/include
  INTERFACE_LINK_LIBRARIES "PkgConfig::LZ4;Threads::Threads")

# Wasmtime's C API and the componentizer: one static library, built once from pinned crates and kept outside the build folder.
file(GLOB_RECURSE THALO_WASMTIME_SOURCES ${CMAKE_SOURCE_DIR}/third_party/wasmtime/*)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${THALO_WASMTIME_SOURCES})
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/build-wasmtime
  OUTPUT_VARIABLE THALO_WASMTIME_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(thalo_wasmtime STATIC IMPORTED)
set_target_properties(thalo_wasmtime PROPERTIES
  IMPORTED_LOCATION ${THALO_WASMTIME_DIR}/lib/libthalo_wasmtime.a
  INTERFACE_LINK_LIBRARIES "Threads::Threads;dl;m")
add_library(thalo_wasmtime_headers INTERFACE)
target_include_directories(thalo_wasmtime_headers SYSTEM INTERFACE ${THALO_WASMTIME_DIR}/include)
