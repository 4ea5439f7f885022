#ifndef RING_H
#define RING_H

#include <stddef.h>

#define RING_SIZE 8

/* A ring of bytes: what is put in first comes out first. */
struct ring {
  unsigned char bytes[RING_SIZE];
  size_t first;
  size_t count;
};

int ring_put(struct ring *ring, unsigned char byte);
int ring_get(struct ring *ring, unsigned char *byte);

#endif
