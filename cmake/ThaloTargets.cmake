# The few ways a target is declared in this project.

set(THALO_WARNINGS -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these for correct uses of std::string and std::optional in optimised code (GCC bugs 105651, 105562).
  list(APPEND THALO_WARNINGS -Wno-restrict -Wno-maybe-uninitialized)
endif()

option(THALO_ASAN "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(THALO_TSAN "Build with ThreadSanitizer" OFF)
option(THALO_FUZZ "Build the libFuzzer targets of tests/fuzz, with AddressSanitizer; clang only" OFF)
if(THALO_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "THALO_FUZZ needs clang: cmake --preset fuzz")
  endif()
  set(THALO_ASAN ON)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(THALO_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(THALO_TSAN)
  # Asio uses fences, which GCC's ThreadSanitizer does not follow; what Asio orders by them it orders by a mutex as well.
  add_compile_options(-fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  add_link_options(-fsanitize=thread)
endif()

# thalo_library(NAME SOURCES a.cc b.cc DEPS other libraries): the library of one folder of src/.
function(thalo_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>)
    target_compile_options(${name} PRIVATE ${THALO_WARNINGS})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# thalo_executable(NAME SOURCES a.cc DEPS libraries): a program, in bin/ of the build folder.
function(thalo_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${name} PRIVATE ${THALO_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# thalo_test(NAME SOURCES a_test.cc DEPS libraries): a GoogleTest program, one ctest test per TEST, labelled NAME. TIMEOUT seconds: only for tests that take long even
# on a machine with nothing else to do.
function(thalo_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  thalo_executable(${name} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${name})
endfunction()
