package dev.tornadomoe.cli;

/// What the command's process ends with.
final class ExitCode {
  static final int FINE = 0;

  /// A checkpoint, a layer or a device does not compute what it should.
  static final int CHECK_FAILED = 1;

  /// Wrong usage, or input that can't be read.
  static final int WRONG_INPUT = 2;

  private ExitCode() {}
}
