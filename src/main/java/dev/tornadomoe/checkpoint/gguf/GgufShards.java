package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A GGUF file, or several that llama.cpp's `gguf-split` made of one: `NAME-00001-of-00003.gguf`
/// and so on, the first with the model's metadata, each with `split.no`, `split.count` and
/// `split.tensors.count`.
public final class GgufShards {
  private static final Pattern NAME = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  private GgufShards() {}

  /// Whether a file's name says that it is a part that is not the first.
  static boolean isLaterPart(String file) {
    Matcher name = NAME.matcher(file);
    return name.matches() && !name.group(2).equals("00001");
  }

  /// Opens a file and all that belong to it.
  ///
  /// @param file the name of any of them
  /// @param files where they are
  /// @return the first one first
  /// @throws CheckpointException when one is missing, or no sound GGUF file
  public static List<GgufFile> open(String file, ModelFiles files) {
    GgufFile opened = GgufFile.parse(files.path(file), files.bytes(file));
    long count = parts(opened);
    if (count <= 1) {
      return List.of(opened);
    }
    Matcher name = NAME.matcher(file);
    if (!name.matches() || Long.parseLong(name.group(3)) != count) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: is one of %d parts, but its name does not end in -00001-of-%05d.gguf or the"
                  + " like",
              opened.file(),
              count,
              count));
    }
    List<GgufFile> parts = new ArrayList<>();
    for (long part = 0; part < count; part++) {
      String sibling =
          String.format(Locale.ROOT, "%s-%05d-of-%05d.gguf", name.group(1), part + 1, count);
      if (!files.isThere(sibling)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT, "%s: part %d of %d is missing", files.path(sibling), part + 1, count));
      }
      GgufFile next =
          sibling.equals(file) ? opened : GgufFile.parse(files.path(sibling), files.bytes(sibling));
      requirePart(next, part, count);
      parts.add(next);
    }
    requireAllTensors(parts);
    return parts;
  }

  /// Of how many files this is one.
  ///
  /// @throws CheckpointException when it is no model's
  static long parts(GgufFile opened) {
    String other = GgufFiles.otherKind(opened);
    if (other != null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: this is %s, not a model; name the model's file",
              opened.file(),
              other));
    }
    return number(opened, "split.count", 1);
  }

  private static long number(GgufFile file, String key, long absent) {
    Object value = file.values().getOrDefault(key, absent);
    if (value instanceof Long number && number >= 0 && number <= 99_999_999) {
      return number;
    }
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" must be a whole number from 0, found %s",
            file.file(),
            key,
            StrictJson.excerpt(value)));
  }

  private static void requirePart(GgufFile file, long part, long count) {
    long number = number(file, "split.no", 0);
    long of = number(file, "split.count", 1);
    if (number != part || of != count) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: says that it is part %d of %d, expected %d of %d",
              file.file(),
              number + 1,
              of,
              part + 1,
              count));
    }
  }

  private static void requireAllTensors(List<GgufFile> parts) {
    Map<String, Path> owner = new HashMap<>();
    for (GgufFile part : parts) {
      for (String tensor : part.tensors().keySet()) {
        Path other = owner.put(tensor, part.file());
        if (other != null) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" is in %s too",
                  part.file(),
                  StrictJson.excerpt(tensor),
                  other));
        }
      }
    }
    GgufFile first = parts.getFirst();
    long expected = number(first, "split.tensors.count", owner.size());
    if (expected != owner.size()) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: says that there are %d tensors, but its %d parts have %d",
              first.file(),
              expected,
              parts.size(),
              owner.size()));
    }
  }
}
