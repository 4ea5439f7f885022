#include "ring.h"

#include <stdio.h>

static int failed;

#define EXPECT(condition)                                   \
  do {                                                      \
    if (!(condition)) {                                     \
      printf("line %d: not so: %s\n", __LINE__, #condition); \
      failed = 1;                                           \
    }                                                       \
  } while (0)

int main(void)
{
  struct ring ring = {0};
  unsigned char byte = 0;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < RING_SIZE; i++)
      EXPECT(ring_put(&ring, (unsigned char)i));
    EXPECT(ring_peek(&ring, &byte) && byte == 0);
    EXPECT(ring.count == RING_SIZE);
    EXPECT(!ring_put(&ring, 99));
    for (int i = 0; i < RING_SIZE; i++)
      EXPECT(ring_get(&ring, &byte) && byte == i);
    EXPECT(!ring_get(&ring, &byte));
  }
  if (!failed)
    puts("ok");
  return failed;
}
