// What every body in and above the room `command` includes anyway.
#pragma once

#include "precompiled.hpp"

#include "tinkerbell/command/commands.hpp"
