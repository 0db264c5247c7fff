package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.WholeFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.jr.ob.JSON;

/// What was measured for one device, as `moe tune` keeps it.
///
/// @param device that it is for
/// @param kernels version of those that were measured
/// @param entries one for each kind of layer and range of token counts
public record TuningFile(TunedDevice device, int kernels, List<TuningEntry> entries) {
  /// Raised when kernels change so that what was measured before no longer says which cut is best.
  /// A file of another version is legal, and its cuts could still run, but its times are those of
  /// kernels before: nobody uses it. That goes for what is shipped, too, which waits for somebody
  /// who has the device to measure it again.
  static final int KERNELS = 5;

  private static final int FORMAT = 1;

  public TuningFile {
    entries = List.copyOf(entries);
  }

  public static TuningFile empty(TunedDevice device) {
    return new TuningFile(device, KERNELS, List.of());
  }

  /// Reads a file.
  ///
  /// @param expected the device that it must be for
  /// @throws dev.tornadomoe.MoeException for one that is not there, wrong, or for another device;
  ///   not for one that is [#isStale()]
  public static TuningFile read(Path file, TunedDevice expected) {
    return of(file.toString(), StrictJson.readObject(file), expected);
  }

  /// The same for its text.
  ///
  /// @param where what the sentence of a refusal begins with
  static TuningFile parse(String where, byte[] text, TunedDevice expected) {
    return of(where, StrictJson.parseObject(text, where), expected);
  }

  private static TuningFile of(String where, Map<String, Object> root, TunedDevice expected) {
    TuningJson json = new TuningJson(where, root);
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
        entries.add(
            new TuningJson(String.format(Locale.ROOT, "%s: entry %d", where, i), list.get(i))
                .entry());
      }
    }
    return new TuningFile(new TunedDevice(device, json.text("measured_on")), kernels, entries);
  }

  /// Whether other kernels were measured.
  public boolean isStale() {
    return kernels != KERNELS;
  }

  /// Why a stale one is of no use.
  public String staleness() {
    return String.format(
        Locale.ROOT,
        "kernels_version: expected %d, found %d: other kernels were measured, run moe tune again",
        KERNELS,
        kernels);
  }

  /// The same with others, which take the place of those for the same.
  public TuningFile with(List<TuningEntry> others, TunedDevice measuredOn) {
    List<TuningEntry> merged = new ArrayList<>(entries);
    for (TuningEntry entry : others) {
      merged.removeIf(entry::replaces);
      merged.add(entry);
    }
    return new TuningFile(measuredOn, KERNELS, merged);
  }

  /// Writes it whole or not at all.
  public void write(Path file) {
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
