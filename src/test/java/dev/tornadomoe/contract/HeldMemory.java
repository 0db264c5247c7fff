package dev.tornadomoe.contract;

import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;

/// What this process holds, counted by the JVM: live objects after a full collection, and native
/// memory that Java code has allocated. The JVM has to be started with
/// `-XX:NativeMemoryTracking=summary`.
public final class HeldMemory {
  private static final Pattern OBJECTS =
      Pattern.compile("^Total\\s+\\d+\\s+(\\d+)", Pattern.MULTILINE);

  /// Arenas are "Other".
  private static final Pattern ARENAS = Pattern.compile("Other \\(reserved=(\\d+)");

  private HeldMemory() {}

  public static long bytes() {
    return number(OBJECTS, command("gcClassHistogram")) + arenas();
  }

  /// Native memory alone, when what nobody refers to has been given back: another thread does that,
  /// some of it only after a second collection.
  public static long bytesOfArenas() throws InterruptedException {
    long least = arenas();
    int idle = 0;
    while (idle < 3) {
      command("gcClassHistogram");
      Thread.sleep(200);
      long now = arenas();
      idle = now < least ? 0 : idle + 1;
      least = Math.min(least, now);
    }
    return least;
  }

  private static long arenas() {
    return number(ARENAS, command("vmNativeMemory", "summary", "scale=b"));
  }

  private static String command(String name, String... arguments) {
    try {
      return String.valueOf(
          ManagementFactory.getPlatformMBeanServer()
              .invoke(
                  new ObjectName("com.sun.management:type=DiagnosticCommand"),
                  name,
                  new Object[] {arguments},
                  new String[] {String[].class.getName()}));
    } catch (JMException e) {
      throw new IllegalStateException(e);
    }
  }

  private static long number(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    if (!matcher.find()) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "expected %s in: %s", pattern, text));
    }
    return Long.parseLong(matcher.group(1));
  }
}
