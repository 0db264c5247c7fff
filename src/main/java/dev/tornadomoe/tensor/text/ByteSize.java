package dev.tornadomoe.tensor.text;

import java.util.Locale;

/// Numbers of bytes as people read them.
public final class ByteSize {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private ByteSize() {}

  /// {@return a size as in `12 B`, `48 KiB`, `2.1 MiB`}
  ///
  /// @param bytes 0 or more
  public static String format(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    boolean whole = value >= 100 || value == Math.rint(value);
    return String.format(Locale.ROOT, whole ? "%.0f %s" : "%.1f %s", value, UNITS[unit]);
  }
}
