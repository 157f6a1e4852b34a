# SPDX-License-Identifier: Apache-2.0
# How a module (a folder of src/) becomes a target, and its *_test.cpp files a test program.

add_library(saccade_flags INTERFACE)
target_compile_options(saccade_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers -Wno-restrict)
if(SACCADE_SANITIZE)
  # g++ 12 crashes in this pass where a header is precompiled with sanitizers on.
  add_compile_options(-fsanitize=${SACCADE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -fno-ipa-cp)
  add_link_options(-fsanitize=${SACCADE_SANITIZE})
endif()

# What nearly every source includes is parsed once a module. `graph` and above also share the graph's headers.
set(saccade_common_headers <algorithm> <cstdint> <functional> <map> <memory> <optional> <span> <string> <string_view> <unordered_map> <utility> <vector> <fmt/format.h>)
function(saccade_precompile target)
  target_precompile_headers(${target} PRIVATE ${saccade_common_headers} ${ARGN})
endfunction()

# saccade_module(NAME [LIBS …] [PRECOMPILE headers…]): an object library from src/NAME/**.cpp, without tests and benches.
function(saccade_module name)
  cmake_parse_arguments(M "" "" "LIBS;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  add_library(saccade_${name} OBJECT ${sources})
  saccade_precompile(saccade_${name} ${M_PRECOMPILE})
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
  saccade_precompile(${name}_test <gtest/gtest.h>)
  target_link_libraries(${name}_test PRIVATE ${M_LIBS} GTest::gtest GTest::gmock GTest::gtest_main saccade_flags)
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/include)
  add_test(NAME ${name}_test COMMAND ${name}_test)
  set_tests_properties(${name}_test PROPERTIES LABELS fast)
endfunction()

# saccade_isa_module(NAME ONCE files…): the sources of src/NAME compiled once for each instruction set level, into
# object libraries saccade_NAME_LEVEL; ONCE names the files (the choice of a level) that are compiled a single time, into
# saccade_NAME. saccade_NAME_LEVELS holds the levels of the engine; avx512_emulated is for tests only.
function(saccade_isa_module name)
  cmake_parse_arguments(M "" "" "ONCE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  list(TRANSFORM M_ONCE PREPEND ${CMAKE_SOURCE_DIR}/src/${name}/)
  list(REMOVE_ITEM sources ${M_ONCE})

  add_library(saccade_${name} OBJECT ${M_ONCE})
  target_include_directories(saccade_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(saccade_${name} PUBLIC fmt::fmt PRIVATE saccade_flags)
  target_compile_options(saccade_${name} PRIVATE -Werror)

  set(avx2 -mprfchw -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt)
  set(flags_scalar)
  set(flags_avx2 ${avx2})
  # g++ 12 takes the undefined operands inside of its own AVX-512 intrinsics for uninitialised variables.
  set(flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl ${avx2} -Wno-uninitialized -Wno-maybe-uninitialized)
  set(flags_avx512_emulated ${avx2} -DSACCADE_SIMD_PAIR)
  set(sanitizing)
  if(SACCADE_SANITIZE)
    set(sanitizing -Wno-maybe-uninitialized)  # of sums that a flag guards
  endif()
  if(SACCADE_SANITIZE MATCHES "address|undefined")
    # Checks of every register array and reference, all of which are optimised away, would take minutes to compile.
    list(APPEND sanitizing --param=asan-stack=0 -fno-sanitize=null,alignment,object-size,pointer-overflow)
  endif()
  set(levels scalar)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND levels avx2 avx512 avx512_emulated)
  endif()
  foreach(level ${levels})
    add_library(saccade_${name}_${level} OBJECT ${sources})
    target_include_directories(saccade_${name}_${level} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    # Optimised in every preset: a tile without registers is hundreds of times slower.
    target_compile_options(saccade_${name}_${level} PRIVATE -Werror -Wconversion -Wno-sign-conversion -Wno-float-conversion
      -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math ${flags_${level}} ${sanitizing})
    target_compile_definitions(saccade_${name}_${level} PRIVATE SACCADE_ISA=${level})
    target_link_libraries(saccade_${name}_${level} PRIVATE saccade_flags)
  endforeach()
  list(REMOVE_ITEM levels avx512_emulated)
  set(saccade_${name}_LEVELS ${levels} PARENT_SCOPE)
endfunction()
