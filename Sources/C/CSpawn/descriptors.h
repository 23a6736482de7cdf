#ifndef SETPOINT_DESCRIPTORS_H
#define SETPOINT_DESCRIPTORS_H

/* Open files sent to another process over a Unix socket (unix(7), SCM_RIGHTS). The macros of cmsg(3) are beyond Swift. */

#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { setpoint_MOST_DESCRIPTORS = 8 };

/* Sends bytes, and descriptors with the first of them. Does not wait. */
static inline ssize_t setpoint_send(
    int socket, const void *_Nonnull bytes, size_t length, const int *_Nullable descriptors, int count) {
  struct iovec part = {(void *)bytes, length};
  struct msghdr message;
  char control[CMSG_SPACE(sizeof(int) * setpoint_MOST_DESCRIPTORS)];
  memset(&message, 0, sizeof message);
  memset(control, 0, sizeof control);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > setpoint_MOST_DESCRIPTORS) count = setpoint_MOST_DESCRIPTORS;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Receives bytes and the descriptors that came with them, closed on exec. Does not wait.
   There is room for setpoint_MOST_DESCRIPTORS at `descriptors`; `count` tells how many came. */
static inline ssize_t setpoint_receive(
    int socket, void *_Nonnull bytes, size_t length, int *_Nonnull descriptors, int *_Nonnull count) {
  struct iovec part = {bytes, length};
  struct msghdr message;
  char control[CMSG_SPACE(sizeof(int) * setpoint_MOST_DESCRIPTORS)];
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  *count = 0;
  ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int here = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    if (here > setpoint_MOST_DESCRIPTORS - *count) here = setpoint_MOST_DESCRIPTORS - *count;
    memcpy(descriptors + *count, CMSG_DATA(header), sizeof(int) * here);
    *count += here;
  }
  return received;
}

#endif
