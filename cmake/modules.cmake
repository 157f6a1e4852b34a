# SPDX-License-Identifier: Apache-2.0
# How a module (a folder of src/) becomes a target, and its *_test.cpp files a test program.

add_library(saccade_flags INTERFACE)
target_compile_options(saccade_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers -Wno-restrict)
if(SACCADE_SANITIZE)
  # g++ 12 crashes in this pass where a header is precompiled with sanitizers on.
  add_compile_options(-fsanitize=${SACCADE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -fno-ipa-cp)
  add_link_options(-fsanitize=${SACCADE_SANITIZE})
endif()

# What nearly every source includes is parsed once for all modules: `plain` below the graph, `graph` above it (with the
# graph's headers), `tests` for all test programs. Compile definitions of those who use one must not touch what it holds.
set(saccade_common_headers <algorithm> <cstdint> <functional> <map> <memory> <optional> <span> <string> <string_view> <unordered_map> <utility> <vector> <fmt/format.h>)
function(saccade_precompile name)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/precompiled_${name}.cpp CONTENT "")
  add_library(precompiled_${name} OBJECT ${CMAKE_BINARY_DIR}/generated/precompiled_${name}.cpp)
  target_precompile_headers(precompiled_${name} PRIVATE ${saccade_common_headers} ${ARGN})
  target_include_directories(precompiled_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(precompiled_${name} PRIVATE fmt::fmt Threads::Threads)
endfunction()
saccade_precompile(plain)
saccade_precompile(graph <graph/edit.h>)

# saccade_test_program(TARGET): how all programs that only test are compiled, quickly above all.
if(SACCADE_TESTS)
  find_package(GTest REQUIRED)
  saccade_precompile(tests <graph/edit.h> <gtest/gtest.h>)
  target_link_libraries(precompiled_tests PRIVATE GTest::gtest)
  target_compile_options(precompiled_tests PRIVATE -fPIE -O1)
endif()
function(saccade_test_program target)
  target_precompile_headers(${target} REUSE_FROM precompiled_tests)
  target_compile_options(${target} PRIVATE -fPIE -O1)
  saccade_unity(${target})
endfunction()

# saccade_unity(TARGET): ten sources of a folder at a time are compiled as one, which saves what they have in common; names in
# their anonymous namespaces must differ. Sources with compile options of their own stay alone.
function(saccade_unity target)
  if(NOT SACCADE_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # of sources that are taken for headers
  get_target_property(sources ${target} SOURCES)
  set(folders)
  foreach(source ${sources})
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(ABSOLUTE_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    list(APPEND folders ${folder})
    list(APPEND in_${folder} ${source})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder ${folders})
    list(LENGTH in_${folder} sources_in_folder)
    math(EXPR batches "(${sources_in_folder} + 9) / 10")
    set(number 0)
    foreach(source ${in_${folder}})
      math(EXPR batch "${number} * ${batches} / ${sources_in_folder}")
      math(EXPR number "${number} + 1")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${batch})
    endforeach()
  endforeach()
endfunction()

# saccade_module(NAME PRECOMPILED [LIBS …]): an object library from src/NAME/**.cpp, without tests and benches.
# PRECOMPILED: which precompiled headers.
function(saccade_module name precompiled)
  cmake_parse_arguments(M "" "" "LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  add_library(saccade_${name} OBJECT ${sources})
  target_precompile_headers(saccade_${name} REUSE_FROM precompiled_${precompiled})
  saccade_unity(saccade_${name})
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
  add_executable(${name}_test ${sources})
  saccade_test_program(${name}_test)
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
