@device @feature:gateway-opaque
Feature: Opaque gateways
  A gateway that hides what is behind it is one device to the WFM, and nothing else.

  @req:DC-031 @req:GW-07
  Scenario: An opaque gateway is one device
    Given a device that is managed by the WFM
    Then the gateway reports one device for all that is behind it

  @req:DS-072 @req:DC-031
  Scenario: What is for an opaque gateway is installed, and it stays one device
    Given the device runs "primary" release 1
    When the WFM publishes "secondary" release 1
    Then the device installs "secondary" and reports it
    And the gateway reports one device for all that is behind it
