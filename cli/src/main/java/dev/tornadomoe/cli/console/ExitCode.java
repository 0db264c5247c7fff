package dev.tornadomoe.cli.console;

/// What the command's process ends with.
public final class ExitCode {
  public static final int FINE = 0;

  /// A checkpoint, a layer or a device does not compute what it should.
  public static final int CHECK_FAILED = 1;

  /// Wrong usage, or input that can't be read.
  public static final int WRONG_INPUT = 2;

  private ExitCode() {}
}
