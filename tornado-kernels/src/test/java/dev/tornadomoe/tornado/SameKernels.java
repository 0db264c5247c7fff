package dev.tornadomoe.tornado;

import dev.tornadomoe.tornado.device.KernelText;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/// The first thing that a JVM of tests does, so that all of them have the same kernels and PoCL
/// compiles each once.
public final class SameKernels implements LauncherSessionListener {
  @Override
  public void launcherSessionOpened(LauncherSession session) {
    KernelText.settle();
  }
}
