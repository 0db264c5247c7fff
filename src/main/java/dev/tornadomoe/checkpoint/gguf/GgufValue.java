package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Reads the values of a GGUF file's metadata: numbers and truth values as `Long`, `Double` and
/// `Boolean`, texts as their beginnings, arrays as [GgufArray], without their elements where these
/// are no few F32 (vocabularies are the largest, and nobody here asks for them).
final class GgufValue {
  /// Nothing that we ask for is as long; chat templates are.
  private static final int MOST_TEXT_BYTES = 1024;

  /// More blocks than llama.cpp takes; arrays of a number for each are no longer.
  private static final int MOST_NUMBERS = 1024;

  private static final int F32 = 6;
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  /// Bytes of the types 0 to 12; 0 for those without a fixed size.
  private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

  private GgufValue() {}

  /// @param file for messages
  /// @param key for messages
  static Object read(GgufReader reader, String file, String key) {
    String what = String.format(Locale.ROOT, "the value of \"%s\"", StrictJson.excerpt(key));
    int type = reader.integer(what);
    return switch (type) {
      case 0 -> (long) reader.unsignedByte(what);
      case 1 -> (long) (byte) reader.unsignedByte(what);
      case 2 -> reader.shortInteger(what) & 0xFFFFL;
      case 3 -> (long) reader.shortInteger(what);
      case 4 -> reader.integer(what) & 0xFFFF_FFFFL;
      case 5 -> (long) reader.integer(what);
      case F32 -> (double) Float.intBitsToFloat(reader.integer(what));
      case 7 -> truth(reader.unsignedByte(what), file, what);
      case STRING -> reader.text(what, MOST_TEXT_BYTES);
      case ARRAY -> array(reader, file, what);
      case 10, 11 -> reader.longInteger(what);
      case 12 -> Double.longBitsToDouble(reader.longInteger(what));
      default -> throw unknown(file, what, type);
    };
  }

  private static boolean truth(int value, String file, String what) {
    if (value > 1) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: %s is %d, expected 0 or 1", file, what, value));
    }
    return value == 1;
  }

  private static GgufArray array(GgufReader reader, String file, String what) {
    int type = reader.integer(what);
    if (type < 0 || type >= SIZES.length || type == ARRAY) {
      throw unknown(file, what, type);
    }
    if (type != STRING) {
      long length = reader.count(what, SIZES[type]);
      if (type == F32 && length <= MOST_NUMBERS) {
        List<Float> numbers = new ArrayList<>((int) length);
        for (long i = 0; i < length; i++) {
          numbers.add(Float.intBitsToFloat(reader.integer(what)));
        }
        return new GgufArray(length, List.copyOf(numbers));
      }
      reader.skip(length * SIZES[type], what);
      return new GgufArray(length, List.of());
    }
    long length = reader.count(what, 8);
    for (long i = 0; i < length; i++) {
      reader.skip(reader.count(what, 1), what);
    }
    return new GgufArray(length, List.of());
  }

  private static CheckpointException unknown(String file, String what, int type) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: %s is of type %s, expected 0 to 12%s",
            file,
            what,
            Integer.toUnsignedString(type),
            type == ARRAY ? " and no array in an array" : ""));
  }
}
