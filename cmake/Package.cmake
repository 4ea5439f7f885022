# find_package(tinkerbell): the rooms as targets, tinkerbell::kernel, tinkerbell::daemon, … A program that links
# tinkerbell::daemon is a daemon with its own kinds of tasks (docs/examples/native-task).
include(${CMAKE_CURRENT_LIST_DIR}/Needs.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/targets.cmake)
