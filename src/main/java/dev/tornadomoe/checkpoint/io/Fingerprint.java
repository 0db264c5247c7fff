package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/// Tells models apart without reading them: a digest over the names and lengths of a model's files,
/// the beginning of each, where its config or header is, and samples of the rest. Two models that
/// agree in it are the same for all that matters by accident, not by intent.
public final class Fingerprint {
  private static final int BEGINNING = 256 << 10;
  private static final int SAMPLES = 64;
  private static final int SAMPLE = 4 << 10;

  private Fingerprint() {}

  /// The digest in hexadecimal digits.
  ///
  /// @param path a model's directory or GGUF file, as [dev.tornadomoe.checkpoint.Checkpoint#open]
  ///   takes it
  /// @return 32 digits: half of a SHA-256 over names, sizes and samples of the content
  /// @throws CheckpointException for a file that can't be read
  public static String of(Path path) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Path file : files(path)) {
        add(digest, file);
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }

  /// Config and weights, by name; what else lies there is no part of the model.
  private static List<Path> files(Path path) {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> files = Files.list(path)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> isPart(file.getFileName().toString()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw FileFailure.reading(path, e);
    }
  }

  private static boolean isPart(String name) {
    return name.equals("config.json")
        || name.endsWith(".gguf")
        || (name.endsWith(".safetensors") && !name.equals("golden.safetensors"));
  }

  private static void add(MessageDigest digest, Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long length = channel.size();
      digest.update(
          String.format(Locale.ROOT, "%s %d\n", file.getFileName(), length)
              .getBytes(StandardCharsets.UTF_8));
      add(digest, channel, 0, BEGINNING);
      long rest = Math.max(0, length - BEGINNING);
      for (int sample = 0; sample < SAMPLES && rest > 0; sample++) {
        add(digest, channel, BEGINNING + rest / SAMPLES * sample, SAMPLE);
      }
    } catch (IOException e) {
      throw FileFailure.reading(file, e);
    }
  }

  private static void add(MessageDigest digest, FileChannel channel, long at, int most)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(most);
    int read = 0;
    while (read >= 0 && bytes.hasRemaining()) {
      read = channel.read(bytes, at + bytes.position());
    }
    digest.update(bytes.flip());
  }
}
