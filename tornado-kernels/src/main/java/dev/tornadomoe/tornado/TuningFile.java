package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/// What was measured for one device, as `moe tune` keeps it.
///
/// @param device that it is for
/// @param kernels version of those that were measured
/// @param entries one for each kind of layer and range of token counts
record TuningFile(TunedDevice device, int kernels, List<TuningEntry> entries) {
  /// Raised when kernels change so that what was measured before no longer says which cut is best.
  static final int KERNELS = 1;

  private static final int FORMAT = 1;
  private static final long LARGEST = 16 << 20;

  TuningFile {
    entries = List.copyOf(entries);
  }

  static TuningFile empty(TunedDevice device) {
    return new TuningFile(device, KERNELS, List.of());
  }

  /// Reads a file.
  ///
  /// @param expected the device that it must be for
  /// @throws BackendException for one that is not there, wrong, or for another device; not for one
  ///   that is [#isStale()]
  static TuningFile read(Path file, TunedDevice expected) {
    try {
      if (Files.exists(file) && !Files.isRegularFile(file)) {
        throw new BackendException("%s: no regular file".formatted(file));
      }
      if (Files.exists(file) && Files.size(file) > LARGEST) {
        throw new BackendException("%s: too large for a tuning file".formatted(file));
      }
      return parse(
          file.toString(), new String(Files.readAllBytes(file), StandardCharsets.UTF_8), expected);
    } catch (NoSuchFileException e) {
      throw new BackendException("%s: no such file".formatted(file), e);
    } catch (IOException e) {
      throw new BackendException("%s: can't be read (%s)".formatted(file, e.getMessage()), e);
    }
  }

  /// The same for its text.
  ///
  /// @param where what the sentence of a refusal begins with
  static TuningFile parse(String where, String text, TunedDevice expected) {
    TuningJson json;
    try {
      json = new TuningJson(where, JSON.std.anyFrom(text));
    } catch (JacksonException e) {
      throw new BackendException(
          "%s: not valid JSON (%s)".formatted(where, TuningJson.excerpt(e.getOriginalMessage())),
          e);
    }
    json.number("format", FORMAT, FORMAT);
    String device = json.text("device");
    if (!device.equals(expected.name())) {
      throw json.wrong("device", expected.name(), device);
    }
    int kernels = json.number("kernels_version", 1, Integer.MAX_VALUE);
    List<TuningEntry> entries = new ArrayList<>();
    if (kernels == KERNELS) { // others' fields may differ
      List<?> list = json.list("entries");
      for (int i = 0; i < list.size(); i++) {
        entries.add(new TuningJson("%s: entry %d".formatted(where, i), list.get(i)).entry());
      }
    }
    return new TuningFile(new TunedDevice(device, json.text("measured_on")), kernels, entries);
  }

  /// Whether other kernels were measured.
  boolean isStale() {
    return kernels != KERNELS;
  }

  /// Why a stale one is of no use.
  String staleness() {
    return "kernels_version: expected %d, found %d: other kernels were measured, run moe tune again"
        .formatted(KERNELS, kernels);
  }

  /// The same with others, which take the place of those for the same.
  TuningFile with(List<TuningEntry> others, TunedDevice measuredOn) {
    List<TuningEntry> merged = new ArrayList<>(entries);
    for (TuningEntry entry : others) {
      merged.removeIf(entry::replaces);
      merged.add(entry);
    }
    return new TuningFile(measuredOn, KERNELS, merged);
  }

  /// Writes it whole or not at all.
  void write(Path file) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("format", FORMAT);
    json.put("device", device.name());
    json.put("measured_on", device.details());
    json.put("kernels_version", kernels);
    json.put("entries", entries.stream().map(TuningJson::write).toList());
    WholeFile.writeText(
        file, JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asString(json) + "\n");
  }
}
