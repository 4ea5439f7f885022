// For tests of rooms that include the commands.
#pragma once

#include "precompiled.hpp"

#include "tinkerbell/command/commands.hpp"
