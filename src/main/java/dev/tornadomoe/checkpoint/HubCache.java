package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The cache of Hugging Face's tools: `models--ORG--NAME` with the files of each commit as links in
/// `snapshots/COMMIT`, and in `refs/main` which of them was the newest
/// ([layout](https://huggingface.co/docs/huggingface_hub/guides/manage-cache)).
final class HubCache {
  /// A commit is 40 letters.
  private static final int MOST_REFERENCE_BYTES = 255;

  private HubCache() {}

  /// The directory with a model's files: what `refs/main` names, or else the only snapshot; the
  /// directory itself where it is no model's place in a cache.
  ///
  /// @throws CheckpointException when there are several snapshots, or none
  static Path snapshot(Path directory) {
    Path snapshots = directory.resolve("snapshots");
    if (!Files.isDirectory(snapshots) || !Files.isDirectory(directory.resolve("blobs"))) {
      return directory;
    }
    List<Path> all = list(snapshots);
    String main = main(directory.resolve("refs").resolve("main"));
    return all.stream()
        .filter(snapshot -> snapshot.getFileName().toString().equals(main))
        .findFirst()
        .orElseGet(() -> only(snapshots, all));
  }

  private static List<Path> list(Path snapshots) {
    try (Stream<Path> entries = Files.list(snapshots)) {
      return entries.filter(Files::isDirectory).sorted().toList();
    } catch (IOException e) {
      throw FileFailure.reading(snapshots, e);
    }
  }

  private static @Nullable String main(Path reference) {
    try {
      return Files.isRegularFile(reference) && Files.size(reference) <= MOST_REFERENCE_BYTES
          ? Files.readString(reference).strip()
          : null;
    } catch (IOException e) {
      throw FileFailure.reading(reference, e);
    }
  }

  private static Path only(Path snapshots, List<Path> all) {
    if (all.size() != 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: has %s, of which refs/main names none; %s",
              snapshots,
              all.isEmpty() ? "no snapshot" : all.size() + " snapshots",
              all.isEmpty() ? "download the model again" : "name the one that you mean"));
    }
    return all.getFirst();
  }
}
