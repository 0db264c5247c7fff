package dev.tornadomoe.tensor.text;

import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Numbers of bytes as people read them.
public final class ByteSize {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private static final Pattern SIZE = Pattern.compile("(\\d{1,12}(?:\\.\\d{1,6})?) ?([KMGT]i)?B");

  private ByteSize() {}

  /// {@return the bytes that a size as in `512 MiB` or `7.5GiB` is, or nothing for another text}
  ///
  /// @param text as somebody typed it
  public static OptionalLong parse(String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches()) {
      return OptionalLong.empty();
    }
    int unit = size.group(2) == null ? 0 : Arrays.asList(UNITS).indexOf(size.group(2) + "B");
    double bytes = Double.parseDouble(size.group(1)) * (1L << (10 * unit));
    return bytes < Long.MAX_VALUE ? OptionalLong.of((long) bytes) : OptionalLong.empty();
  }

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
