package dev.tornadomoe.tornado.replay;

import java.lang.foreign.MemorySegment;

/// What a replay has the device do, in order. Buffers and kernels are OpenCL's handles.
sealed interface Command {

  /// What it is about, for messages.
  String subject();

  /// Host memory into a buffer.
  ///
  /// @param host whole
  /// @param offset of the buffer, in bytes
  record Write(String subject, MemorySegment host, long buffer, long offset) implements Command {}

  /// A kernel whose arguments are set.
  ///
  /// @param subject the task's name
  record Launch(String subject, long kernel, WorkSize size) implements Command {}

  /// A buffer into host memory.
  ///
  /// @param host whole
  /// @param offset of the buffer, in bytes
  record Read(String subject, MemorySegment host, long buffer, long offset) implements Command {}
}
