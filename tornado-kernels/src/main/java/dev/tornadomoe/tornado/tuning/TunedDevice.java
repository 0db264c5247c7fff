package dev.tornadomoe.tornado.tuning;

import java.util.Locale;

/// What a tuning file is for. A GPU is known by its name. CPUs' names differ with each model, and
/// what suits them hardly does, so all CPUs of one architecture behind the same OpenCL platform are
/// one device here.
///
/// @param name what a file must say
/// @param details name, platform and version, for the reader of a file
public record TunedDevice(String name, String details) {

  public static TunedDevice gpu(String name, String details) {
    return new TunedDevice(name, details);
  }

  public static TunedDevice cpu(String platform, String details) {
    return new TunedDevice(
        String.format(Locale.ROOT, "%s CPU (%s)", platform, System.getProperty("os.arch")),
        details);
  }

  /// `nvidia-h200.json`.
  String fileName() {
    return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-").replaceAll("^-|-$", "")
        + ".json";
  }
}
