// What nearly every test includes anyway.
#pragma once

#include "../cmake/precompiled.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
