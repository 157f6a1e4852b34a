# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down: the command, the libraries, the public headers, and the files of find_package(saccade).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/saccade)
install(TARGETS saccade EXPORT saccade-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS saccade_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET saccade_vision_library)
  install(TARGETS saccade_vision_library LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(EXPORT saccade-targets NAMESPACE saccade:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/saccade-config.cmake.in ${CMAKE_BINARY_DIR}/saccade-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/saccade-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/saccade-config.cmake ${CMAKE_BINARY_DIR}/saccade-config-version.cmake DESTINATION ${package_dir})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The old tools' names: links to the command, which then takes their command lines.
if(UNIX)
  foreach(tool mo mo.py mo_tf.py mo_caffe.py mo_onnx.py mo_mxnet.py mo_kaldi.py ovc)
    install(CODE "file(CREATE_LINK saccade \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/${tool}\" SYMBOLIC)")
  endforeach()
endif()
