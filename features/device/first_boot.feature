@device
Feature: First boot
  A device that is switched on for the first time says what it is, and waits for what it is to run.

  @req:DC-001 @req:DC-002 @req:SEC-009 @req:DEV-02 @req:DS-001 @behaviour:FB-01 @needs:factory-reset
  Scenario: Capabilities come first
    Given a device that has never been managed
    When the device is switched on
    Then it reports its capabilities before it asks for anything
    And it asks for its desired state again and again

  @req:DS-001 @behaviour:FB-01 @behaviour:FB-04 @needs:factory-reset
  Scenario: Nothing is invented before the first desired state
    Given a device that has never been managed
    When the device is switched on
    Then it installs nothing and reports no deployment
    When the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it
