@device
Feature: First boot
  A device that is switched on for the first time says what it is, and waits for what it is to run.

  @req:DC-001 @req:DC-002 @req:SEC-009 @req:DEV-02 @req:DS-001 @req:DC-011 @req:DC-012 @behaviour:FB-01 @needs:factory-reset
  Scenario: Capabilities come first
    Given a device that has never been managed
    When the device is switched on
    Then it reports its capabilities before it asks for anything
    And it asks for its desired state again and again

  @req:DC-013 @req:DC-015 @req:DC-016 @req:DC-017 @req:DC-014 @req:DC-020 @req:DC-023 @req:DC-024 @req:DC-025 @feature:hosting
  Scenario: A device that hosts workloads says what it offers
    Given a device that is managed by the WFM
    Then what it says of itself is all that it offers

  @req:DS-001 @req:DS-002 @behaviour:FB-01 @behaviour:FB-04 @needs:factory-reset
  Scenario: Nothing is invented before the first desired state
    Given a device that has never been managed
    When the device is switched on
    Then it installs nothing and reports no deployment
    When the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it

  @behaviour:FB-02 @needs:factory-reset @needs:network
  Scenario: A device that waits for its first desired state is in a known state
    Given a device that has never been managed
    When the network is cut
    And the device is switched on while nobody answers
    Then it is in the default state that its supplier declares
    When the network is restored
    And the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it
    And what runs of "primary" is what was published

  @req:DS-072 @behaviour:FB-05 @needs:factory-reset
  Scenario: The first desired state already holds deployments
    Given a device that has never been managed
    When the WFM publishes 2 applications
    And the device is switched on
    Then the device installs all 2 applications and reports each

  @req:DT-001 @req:DC-002 @behaviour:FB-03 @needs:factory-reset @needs:network
  Scenario: A device that finds nobody at first boot keeps trying
    Given a device that has never been managed
    When the network is cut
    And the device is switched on while nobody answers
    And the network is restored
    Then the device asks for its desired state again
    And it reports its capabilities before it asks for anything

  @req:DC-004 @req:DEV-06 @needs:configure
  Scenario: What is no longer true is reported anew
    Given a device that is managed by the WFM
    When the device gets another serial number
    Then it reports its capabilities anew

  @req:DC-001 @behaviour:FB-06 @needs:factory-reset
  Scenario: A device that is reset begins anew
    Given the device runs "primary" release 1
    When the device is reset to its state of delivery
    Then what it remembers of before is as its supplier declares
    And it reports its capabilities before it asks for anything
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @req:ID-25 @behaviour:FB-07 @needs:factory-reset
  Scenario: A device for whose clock the WFM's certificate is not valid yet sends nothing until it is
    Given a device that has never been managed
    When it is switched on while the WFM's certificate is not valid yet
    Then the device does not talk to it, since its certificates are not valid
    When the WFM's certificate is valid
    Then it sent nothing before the certificate was valid, and comes then
