package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileNames;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Where a device's tuning comes from: the user's file, and behind it the one that is shipped.
///
/// @param entries in the order in which they count
/// @param source in words
/// @param refusal why the user's file is not used, or null
public record TuningPlaces(List<TuningEntry> entries, String source, @Nullable String refusal) {
  /// `-Dtornadomoe.tornado.tuning=FILE` names the user's file, `none` has all guessed.
  public static final String PROPERTY = "tornadomoe.tornado.tuning";

  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado");
  private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();

  /// Looks for a device's.
  public static TuningPlaces of(TunedDevice device) {
    String requested = System.getProperty(PROPERTY);
    if ("none".equals(requested)) {
      return new TuningPlaces(
          List.of(), String.format(Locale.ROOT, "not tuned (-D%s=none)", PROPERTY), null);
    }
    List<TuningEntry> entries = new ArrayList<>();
    List<String> sources = new ArrayList<>();
    String refusal = null;
    try {
      Path file = userFile(device);
      if (requested != null || Files.exists(file)) {
        TuningFile users = TuningFile.read(file, device);
        if (users.isStale()) {
          throw new BackendException(String.format(Locale.ROOT, "%s: %s", file, users.staleness()));
        }
        entries.addAll(users.entries());
        sources.add(String.format(Locale.ROOT, "%s from %s", count(users.entries()), file));
      }
    } catch (MoeException e) {
      refusal = e.getMessage();
    }
    TuningFile shipped = shipped(device);
    if (!shipped.entries().isEmpty()) {
      entries.addAll(shipped.entries());
      sources.add(count(shipped.entries()) + " shipped");
    }
    String source =
        (sources.isEmpty() ? "not tuned (moe tune)" : "tuned: " + String.join(", ", sources))
            + (shipped.isStale() ? ", what is shipped was measured with other kernels" : "");
    return new TuningPlaces(
        List.copyOf(entries),
        refusal == null
            ? source
            : String.format(Locale.ROOT, "%s, tuning refused: %s", source, refusal),
        refusal);
  }

  private static String count(List<TuningEntry> entries) {
    return entries.size() == 1 ? "1 entry" : entries.size() + " entries";
  }

  /// Where `moe tune` writes, and sessions look.
  public static Path userFile(TunedDevice device) {
    String requested = System.getProperty(PROPERTY);
    if (requested != null && requested.isBlank()) {
      throw new BackendException(
          String.format(Locale.ROOT, "-D%s=: expected a file, or none", PROPERTY));
    }
    if (requested != null && !requested.equals("none")) {
      try {
        return FileNames.path(requested);
      } catch (CheckpointException e) {
        throw new BackendException(
            String.format(Locale.ROOT, "-D%s: %s", PROPERTY, e.getMessage()), e);
      }
    }
    String config = System.getenv("XDG_CONFIG_HOME");
    Path directory =
        config == null || !Path.of(config).isAbsolute() // such a one doesn't count, it says
            ? Path.of(System.getProperty("user.home"), ".config")
            : Path.of(config);
    return directory.resolve("tornado-moe").resolve("tuning").resolve(device.fileName());
  }

  /// A stale one has no entries, and is not refused: it is of this jar, and no user's doing.
  private static TuningFile shipped(TunedDevice device) {
    String name = "tuning/" + device.fileName();
    try (InputStream in = TuningPlaces.class.getResourceAsStream(device.fileName())) {
      return in == null
          ? TuningFile.empty(device)
          : TuningFile.parse(name, in.readAllBytes(), device);
    } catch (IOException e) {
      throw new BackendException(
          String.format(Locale.ROOT, "%s can't be read (%s)", name, e.getMessage()), e);
    }
  }

  /// For a session, which says once what is wrong with a file.
  public Tunings forSession() {
    if (refusal != null && WARNED.add(refusal)) {
      LOG.log(System.Logger.Level.WARNING, "tuning refused, default used: {0}", refusal);
    }
    return Tunings.of(entries);
  }
}
