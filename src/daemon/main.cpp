#include "tinkerbell/daemon/run.hpp"

int main(int argc, char** argv) {
  return tinkerbell::run_daemon(argc, argv);
}
