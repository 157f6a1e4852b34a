# SPDX-License-Identifier: Apache-2.0
# How a module (a folder of src/) becomes a target, and its *_test.cpp files a test program.

add_library(saccade_flags INTERFACE)
target_compile_options(saccade_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers -Wno-restrict)
if(SACCADE_SANITIZE)
  add_compile_options(-fsanitize=${SACCADE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SACCADE_SANITIZE})
endif()

# saccade_module(NAME [LIBS …]): an object library from src/NAME/**.cpp, without tests and benches.
function(saccade_module name)
  cmake_parse_arguments(M "" "" "LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  add_library(saccade_${name} OBJECT ${sources})
  target_include_directories(saccade_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(saccade_${name} PUBLIC fmt::fmt Threads::Threads ${M_LIBS})
  target_compile_options(saccade_${name} PRIVATE -Werror -Wconversion -Wno-sign-conversion -Wno-float-conversion)
  target_link_libraries(saccade_${name} PRIVATE saccade_flags)
endfunction()

# saccade_module_test(NAME LIBS …): one GoogleTest program from src/NAME/**_test.cpp, label `fast`.
function(saccade_module_test name)
  cmake_parse_arguments(M "" "" "LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_test.cpp)
  if(NOT sources OR NOT SACCADE_TESTS)
    return()
  endif()
  find_package(GTest REQUIRED)
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ${M_LIBS} GTest::gtest GTest::gmock GTest::gtest_main saccade_flags)
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/include)
  add_test(NAME ${name}_test COMMAND ${name}_test)
  set_tests_properties(${name}_test PROPERTIES LABELS fast)
endfunction()
