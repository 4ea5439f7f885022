#include "../src/table.hpp"

#include <cstdio>

int main() {
  Table table;
  table.add({"id", "name"});
  table.add({"1042", "x"});
  const bool widths = table.get_w(0) == 4 && table.get_w(1) == 4 && table.get_w(2) == 0;
  const bool text = table.text() == "id    name\n1042  x\n";
  if (!widths) std::puts("get_w is wrong");
  if (!text) std::puts("text is wrong");
  return widths && text ? 0 : 1;
}
