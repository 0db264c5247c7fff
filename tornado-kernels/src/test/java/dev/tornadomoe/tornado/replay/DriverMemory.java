package dev.tornadomoe.tornado.replay;

/// What this process holds of drivers' host memory.
public final class DriverMemory {
  private DriverMemory() {}

  public static long bytes() {
    return PinnedMemory.held();
  }
}
