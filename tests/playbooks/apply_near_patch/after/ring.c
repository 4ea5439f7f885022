#include "ring.h"

/* Returns 0 if there is no room. */
int ring_put(struct ring *ring, unsigned char byte)
{
  if (ring->count == RING_SIZE)
    return 0;
  ring->bytes[(ring->first + ring->count) % RING_SIZE] = byte;
  ring->count++;
  return 1;
}

/* Returns 0 if there is nothing; takes nothing out. */
int ring_peek(const struct ring *ring, unsigned char *byte)
{
  if (ring->count == 0)
    return 0;
  *byte = ring->bytes[ring->first];
  return 1;
}

/* Returns 0 if there is nothing. */
int ring_get(struct ring *ring, unsigned char *byte)
{
  if (!ring_peek(ring, byte))
    return 0;
  ring->first = (ring->first + 1) % RING_SIZE;
  ring->count--;
  return 1;
}
