# llorch_module(NAME [RECURSE] [DEPS ...] [LIBS ...]): src/NAME/*.cpp becomes the static library llorch_NAME ('/' as
# '_'); src/NAME/*_test.cpp become the program NAME_test. RECURSE takes src/NAME/*/*.cpp too. DEPS are other modules,
# LIBS are libraries of the system.
function(llorch_module name)
  cmake_parse_arguments(ARG "RECURSE" "" "DEPS;LIBS" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(ARG_RECURSE)
    file(GLOB nested CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*/*.cpp)
    list(APPEND sources ${nested})
  endif()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM ARG_DEPS REPLACE "/" "_")
  list(TRANSFORM ARG_DEPS PREPEND "llorch_")
  add_library(llorch_${target} STATIC ${sources})
  target_link_libraries(llorch_${target} PUBLIC llorch_options ${ARG_DEPS} ${ARG_LIBS})
  if(LLORCH_TESTS AND tests)
    llorch_test(${target}_test SOURCES ${tests} DEPS llorch_${target})
  endif()
endfunction()

# llorch_test(NAME SOURCES ... DEPS ...): one GoogleTest program, each of its tests a CTest test. What tests say is
# compiled with few optimisations: half of the compiler's time.
function(llorch_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE LLORCH_SOURCE_DIR="${CMAKE_SOURCE_DIR}" LLORCH_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
